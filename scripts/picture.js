// Makes docs/top.svg: `openrtc-otel top` in the middle of a real deploy, as it stands in a terminal. About a minute and
// a half, on loopback only. Needs the `script` of util-linux, which gives the command its terminal.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { stripVTControlCharacters } from 'node:util';
import { Stage } from '../examples/scenarios/stage.js';
import { toSvg } from './terminal-svg.js';

const PICTURE = new URL('../docs/top.svg', import.meta.url);
const COMMAND = fileURLToPath(new URL('../dist/cli/main.js', import.meta.url));
const COLUMNS = 112;
const ROWS = 23;
const PATIENCE_SECONDS = 30;
/** How a frame begins, how each of its lines ends, and how it ends. */
const [HOME, CLEAR_LINE, CLEAR_BELOW] = ['\x1b[H', '\x1b[K', '\x1b[J'];

/** The command in a terminal. */
class Top {
  #output = '';
  #process = spawn(
    'script',
    [
      '--quiet',
      '--flush',
      '--return',
      '--command',
      `stty cols ${COLUMNS} rows ${ROWS}; exec '${process.execPath}' '${COMMAND}' top --listen 0`,
      '/dev/null',
    ],
    { env: { ...process.env, TERM: 'xterm-256color', FORCE_COLOR: '1' }, stdio: ['pipe', 'pipe', 'inherit'] },
  );

  constructor() {
    this.#process.stdout.setEncoding('utf8').on('data', (chunk) => {
      this.#output += chunk;
    });
    process.on('exit', () => this.#process.kill());
  }

  /** The lines that it drew last. */
  get lines() {
    const end = this.#output.lastIndexOf(CLEAR_BELOW);
    const begin = this.#output.lastIndexOf(HOME, end);
    return this.#output
      .slice(begin, end)
      .split('\r\n')
      .map((line) => line.replace(HOME, '').replace(CLEAR_LINE, ''));
  }

  /** Waits until it shows this. @param {RegExp} pattern */
  async see(pattern) {
    const deadline = performance.now() + PATIENCE_SECONDS * 1000;
    for (;;) {
      const text = stripVTControlCharacters(this.lines.join('\n'));
      const match = text.match(pattern);
      if (match) return match;
      if (performance.now() > deadline) throw new Error(`waited for ${pattern}, it shows:\n${text}`);
      await sleep(100);
    }
  }

  async quit() {
    const exited = once(this.#process, 'exit');
    this.#process.stdin.write('q');
    await exited;
  }
}

/** The picture does not tell the name of the machine that it was made on. @param {string} name */
const onHost = (name) => [
  '--import',
  `data:text/javascript,import os from 'node:os'; import { syncBuiltinESMExports } from 'node:module'; os.hostname = () => '${name}'; syncBuiltinESMExports();`,
];

const top = new Top();
const [, url = ''] = await top.see(/listening on (\S+)/);
const stage = await Stage.open({
  pool: 'voice-prod',
  sources: [{ name: 'top', args: [], otlp: url }],
  intervalSeconds: 2,
  onStep: (text) => console.log(text),
});

/** @param {string} version */
const startThree = async (version) => {
  const hosts = ['a', 'b', 'c'].map((letter) => `voice-${version}-${letter}`);
  const started = await Promise.all(
    hosts.map((host) => stage.start(version, 1, { drainTimeout: 150, nodeArgs: onHost(host) })),
  );
  return started.flat();
};

const old = await startThree('1.8.2');
stage.phone(old);
const calls = (await Promise.all(old.map((server) => stage.call([server], 3)))).flat();
await stage.pass(20);
stage.phone(await startThree('1.9.0'));
await stage.pass(6);
stage.signal('SIGTERM', old);
// One of the three is done, the others still talk.
for (const call of calls.slice(0, 5)) {
  await stage.pass(1);
  await stage.hangUp([call]);
}
await top.see(/draining: .*a guess: \d+ s to go/);
const { lines } = top;
await stage.hangUp(calls.slice(5));
await top.see(/complete, nothing dropped/);
await stage.clear();
await stage.close();
await top.quit();
await writeFile(PICTURE, toSvg(lines, COLUMNS, 'openrtc-otel top in the middle of a blue-green deploy'));
console.log(stripVTControlCharacters(lines.join('\n')));
