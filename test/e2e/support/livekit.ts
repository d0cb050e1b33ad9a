import { cp, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { until } from '../../support/until.js';
import { installed } from './installed.js';
import { livekitServer } from './livekit-server.js';
import { npmInstall } from './npm-install.js';
import { Process } from './process.js';
import { Project, pack, ROOT } from './project.js';

/** The credentials of the server that the tests start. Nothing of them may come out anywhere. */
export const API_KEY = 'planted-api-key';
export const API_SECRET = 'planted-api-secret-of-more-than-32-characters';
/** How every room's name begins. */
export const ROOM = 'planted-room';

/** The agent of the workers in examples/livekit. */
const AGENT = 'example';
/** The state of a participant. */
const ACTIVE = 2;

/** The version of `@livekit/agents` that all tests run; `LIVEKIT_AGENTS` names another. */
const AGENTS = process.env.LIVEKIT_AGENTS ?? '1.9.0';

/** The folder of a project with `@livekit/agents`. */
export const installAgents = (): Promise<string> =>
  installed(`livekit-agents-${AGENTS}`, (dir) =>
    npmInstall(dir, [`@livekit/agents@${AGENTS}`, 'livekit-server-sdk@2.19.2', '@types/node@20']),
  );

/** A project with `@livekit/agents` and the packed package, and these files of the repository. */
export async function createLiveKitProject(...files: string[]): Promise<Project> {
  const project = await Project.create();
  await cp(await installAgents(), project.dir, { recursive: true, verbatimSymlinks: true });
  await project.install(await pack(project), '@opentelemetry/api');
  for (const file of files) await cp(join(ROOT, file), join(project.dir, file.replace(/.*\//, '')));
  return project;
}

interface Rooms {
  createRoom(options: Record<string, unknown>): Promise<unknown>;
  deleteRoom(name: string): Promise<unknown>;
  listParticipants(
    room: string,
  ): Promise<ReadonlyArray<{ readonly identity: string; readonly state: number }>>;
  removeParticipant(room: string, identity: string): Promise<unknown>;
}

interface Dispatches {
  createDispatch(room: string, agent: string, options: { metadata: string }): Promise<unknown>;
}

/** One call: a room with an agent in it. */
export interface Call {
  readonly room: string;
  /** Waits until the agent is connected: LiveKit does not see the end of a room while it is not. */
  answered(): Promise<unknown>;
  /** Waits until no agent is in the room: whoever calls is alone. */
  abandoned(): Promise<unknown>;
  /** Puts the agent out of the room. */
  removeAgent(): Promise<unknown>;
  end(): Promise<unknown>;
}

/** A real LiveKit server on loopback. */
export class LiveKit implements AsyncDisposable {
  #calls = 0;

  private constructor(
    readonly url: string,
    readonly sdk: {
      AccessToken: new (
        key: string,
        secret: string,
        options: { identity: string },
      ) => {
        addGrant(grant: Record<string, unknown>): void;
        toJwt(): Promise<string>;
      };
    },
    readonly rooms: Rooms,
    readonly dispatches: Dispatches,
    readonly process: Process,
    readonly dir: string,
    readonly agent: string,
  ) {}

  /** @param agent the name of the agent that its calls are for */
  static async start(agent = AGENT): Promise<LiveKit> {
    const [program, agentsDir] = [await livekitServer(), await installAgents()];
    const dir = await mkdtemp(join(tmpdir(), 'openrtc-otel-livekit-'));
    const port = await freePort();
    const config = {
      port,
      bind_addresses: ['127.0.0.1'],
      keys: { [API_KEY]: API_SECRET },
      rtc: {
        node_ip: '127.0.0.1',
        tcp_port: 0,
        use_external_ip: false,
        enable_loopback_candidate: true,
        interfaces: { includes: ['lo'] },
      },
    };
    // JSON is YAML.
    await writeFile(join(dir, 'config.yaml'), JSON.stringify(config));
    const args = ['--config', join(dir, 'config.yaml'), '--node-ip', '127.0.0.1'];
    const server = new Process(program, args, { cwd: dir });
    const http = `http://127.0.0.1:${port}`;
    await until('the LiveKit server answers', () => fetch(http).then(({ ok }) => ok));
    const sdk = await import(
      pathToFileURL(join(agentsDir, 'node_modules/livekit-server-sdk/dist/index.js')).href
    );
    return new LiveKit(
      `ws://127.0.0.1:${port}`,
      sdk,
      new sdk.RoomServiceClient(http, API_KEY, API_SECRET),
      new sdk.AgentDispatchClient(http, API_KEY, API_SECRET),
      server,
      dir,
      agent,
    );
  }

  /** The environment of its workers. */
  get environment(): Record<string, string> {
    return { LIVEKIT_URL: this.url, LIVEKIT_API_KEY: API_KEY, LIVEKIT_API_SECRET: API_SECRET };
  }

  /** Dispatches a job with this metadata. It lasts until the call's end. */
  async call(metadata: Record<string, unknown>): Promise<Call> {
    const room = `${ROOM}-${++this.#calls}`;
    await this.rooms.createRoom({ name: room, emptyTimeout: 600, departureTimeout: 1 });
    await this.dispatches.createDispatch(room, this.agent, { metadata: JSON.stringify(metadata) });
    const agents = async () =>
      (await this.rooms.listParticipants(room)).filter(({ state }) => state === ACTIVE);
    return {
      room,
      answered: () => until('an agent is in the room', async () => (await agents()).length > 0),
      abandoned: () => until('no agent is in the room', async () => (await agents()).length === 0),
      removeAgent: async () => {
        for (const { identity } of await agents()) await this.rooms.removeParticipant(room, identity);
      },
      end: () => this.rooms.deleteRoom(room),
    };
  }

  /** What lets a participant into a room. */
  async token(room: string): Promise<string> {
    const token = new this.sdk.AccessToken(API_KEY, API_SECRET, { identity: 'caller' });
    token.addGrant({ roomJoin: true, room });
    return token.toJwt();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.process[Symbol.asyncDispose]();
    await rm(this.dir, { recursive: true, force: true });
  }
}

/** A port that was free a moment ago. */
export async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  if (typeof address !== 'object' || address === null) throw new Error('no port');
  return address.port;
}
