import dns, { type LookupAddress } from 'node:dns';
import { readFileSync } from 'node:fs';
import type { LookupFunction } from 'node:net';
import { attempt } from '../lib/attempt.js';
import { unref } from '../lib/timer.js';

/** How long the addresses of a name are used, and how long it is not asked for again after a failure. */
const KEPT_MS = 10_000;
const KEPT_FAILURE_MS = 1_000;
/** A name server that is silent for longer counts as dead. */
const PATIENCE_MS = 2_000;

const answers = new Map<string, Promise<LookupAddress[]>>();
const questions = new Set<dns.Resolver>();

/**
 * Looks up the collector's name for a connection: one lookup of a name at a time, its answer kept for a while.
 *
 * `dns.lookup()` takes one of the four threads on which the app too looks up names and reads files, for as long as a
 * dead name server is waited for, and until then not even `process.exit()` ends the process. So it is not called
 * before the name server has shown, to a question that can be given up, that it answers at all.
 */
export const lookup: LookupFunction = (hostname, { all, family }, callback) => {
  addressesOf(hostname).then(
    (addresses) => {
      const fitting = addresses.filter((address) => !family || family === address.family);
      const [first] = fitting;
      if (!first) callback(failure('ENOTFOUND'), '');
      else if (all) callback(null, fitting);
      else callback(null, first.address, first.family);
    },
    (error) => callback(error, ''),
  );
};

/** Gives up what is asked of a name server, which keeps the process alive. Who needs it still asks again. */
export function giveUpQuestions(): void {
  for (const resolver of questions) resolver.cancel();
}

function addressesOf(hostname: string): Promise<LookupAddress[]> {
  const known = answers.get(hostname);
  if (known) return known;
  const answer = lookUp(hostname);
  answers.set(hostname, answer);
  const forgetIn = (ms: number) => unref(setTimeout(() => answers.delete(hostname), ms));
  answer.then(
    () => forgetIn(KEPT_MS),
    () => forgetIn(KEPT_FAILURE_MS),
  );
  return answer;
}

async function lookUp(hostname: string): Promise<LookupAddress[]> {
  if (!isInHosts(hostname) && !(await isAnswered(firstQuestion(hostname)))) throw failure('EAI_AGAIN');
  return new Promise((resolve, reject) => {
    dns.lookup(hostname, { all: true }, (error, addresses) => (error ? reject(error) : resolve(addresses)));
  });
}

const failure = (code: string): NodeJS.ErrnoException => Object.assign(new Error(code), { code });
const wordsOf = (file: string) => attempt(() => readFileSync(file, 'utf8'), '').split(/\s+/);

/** Such names need no server. */
const isInHosts = (hostname: string) => hostname === 'localhost' || wordsOf('/etc/hosts').includes(hostname);

/** What the system asks first for a name: with the first domain to search, where it has too few dots. */
function firstQuestion(hostname: string): string {
  const words = wordsOf('/etc/resolv.conf');
  const [, dots = '1'] = words.join(' ').match(/.* ndots:(\d+)/) ?? [];
  const domain = words[words.lastIndexOf('search') + 1];
  const isWhole = hostname.split('.').length > Number(dots) || !words.includes('search');
  return isWhole ? hostname : `${hostname}.${domain}`;
}

/** Whether a name server answers a question, with whatever. */
function isAnswered(question: string): Promise<boolean> {
  const resolver = new dns.Resolver({ timeout: PATIENCE_MS / 2, tries: 1 });
  const timer = unref(setTimeout(() => resolver.cancel(), PATIENCE_MS));
  questions.add(resolver);
  return new Promise((resolve) => {
    resolver.resolve4(question, (error) => {
      clearTimeout(timer);
      questions.delete(resolver);
      resolve(error?.code !== dns.TIMEOUT && error?.code !== dns.CANCELLED);
    });
  });
}
