import { Gate, RECEIVER } from '../../../examples/scenarios/gate.js';
import { Tee } from '../../../examples/scenarios/tee.js';
import {
  type Receiver,
  type ReceiverOptions,
  startReceiver,
  type WorkerFacts,
} from '../../../src/deploy/index.js';
import { until } from './until.js';

/** A receiver that tells what workers report, and beside it the gate of their deploy. */
export class GatedReceiver implements AsyncDisposable {
  /** The last that was started. */
  gate: Gate | undefined;

  private constructor(
    readonly receiver: Receiver,
    readonly tee: Tee,
  ) {}

  static async start(options: ReceiverOptions): Promise<GatedReceiver> {
    const tee = new Tee();
    await tee.open();
    const receiver = await startReceiver(options);
    tee.add(receiver.url);
    return new GatedReceiver(receiver, tee);
  }

  /** Where workers report to. */
  get url(): string {
    return this.tee.url;
  }

  workers(): WorkerFacts[] {
    return this.receiver.workers();
  }

  /** Starts `openrtc-otel watch` at the beginning of a deploy; resolves when workers report to it. */
  async watch(target: string, ...more: readonly string[]): Promise<Gate> {
    const args = ['--target', target, '--expect', '1', '--since', 'now', '--timeout', '5m', ...more];
    const gate = new Gate(RECEIVER, args, () => {});
    this.gate = gate;
    await gate.begun();
    const url = await until('the gate listens', () => gate.listensAt);
    this.tee.add(url);
    void gate.ended.then(() => this.tee.remove(url));
    return gate;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.gate?.kill();
    await this.gate?.ended;
    await this.tee.shut();
    await this.receiver.close();
  }
}
