import { WebSocket } from 'ws';

/** A caller of the example's call server, who sees for himself how the call ends. */
export class Caller {
  /** `hung up` by the caller himself with a close handshake, or `dropped`: the connection broke. */
  end: 'hung up' | 'dropped' | undefined;
  readonly #socket: WebSocket;

  private constructor(socket: WebSocket) {
    this.#socket = socket;
    socket.on('error', () => {});
    socket.on('close', (code) => {
      this.end = code === 1000 ? 'hung up' : 'dropped';
    });
  }

  /** Resolves when the call is accepted, for the server echoes the first word; rejects when it is turned away. */
  static async call(port: number, tenant: string): Promise<Caller> {
    const socket = new WebSocket(`ws://127.0.0.1:${port}/call?tenant=${tenant}`);
    const caller = new Caller(socket);
    socket.on('open', () => socket.send('hello'));
    await new Promise((resolve, reject) => {
      socket.once('message', resolve);
      socket.once('close', (code) => reject(new Error(`turned away with ${code}`)));
    });
    return caller;
  }

  hangUp(): void {
    this.#socket.close(1000);
  }
}
