import { Gate, prometheus, RECEIVER } from '../../../examples/scenarios/gate.js';
import { Tee } from '../../../examples/scenarios/tee.js';
import type { ReceiverOptions, WorkerFacts } from '../../../src/deploy/index.js';
import { SpanReceiver } from '../../support/span-receiver.js';
import { until } from '../../support/until.js';

/** A receiver that tells what workers report, and beside it the gate of their deploy. */
export class GatedReceiver implements AsyncDisposable {
  /** The last that was started. */
  gate: Gate | undefined;
  /** The same on the Prometheus, where there is one. */
  other: Gate | undefined;

  private constructor(
    readonly receiver: SpanReceiver,
    readonly tee: Tee,
    readonly prometheusUrl: string | undefined,
  ) {}

  /** @param prometheusUrl where workers report to as well, and a second gate asks */
  static async start(options: ReceiverOptions = {}, prometheusUrl?: string): Promise<GatedReceiver> {
    const tee = new Tee();
    await tee.open();
    const receiver = await SpanReceiver.start(options);
    tee.add(receiver.url);
    const { otlp } = prometheus(prometheusUrl ?? '');
    if (prometheusUrl !== undefined && otlp) tee.add(otlp, (path) => path.endsWith('/metrics'));
    return new GatedReceiver(receiver, tee, prometheusUrl);
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
    if (this.prometheusUrl !== undefined) {
      this.other = new Gate(prometheus(this.prometheusUrl), args, () => {});
      await this.other.begun();
    }
    const url = await until('the gate listens', () => gate.listensAt);
    this.tee.add(url);
    void gate.ended.then(() => this.tee.remove(url));
    return gate;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const gate of [this.gate, this.other]) {
      gate?.kill();
      await gate?.ended;
    }
    await this.tee.shut();
    await this.receiver[Symbol.asyncDispose]();
  }
}
