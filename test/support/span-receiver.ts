import { Tee } from '../../examples/scenarios/tee.js';
import {
  type Receiver,
  type ReceiverOptions,
  startReceiver,
  type WorkerFacts,
} from '../../src/deploy/index.js';
import type { SpanRecord } from './decode-traces.js';
import { SpanSink } from './span-sink.js';

/** A receiver, and beside it what keeps the spans, behind one endpoint. */
export class SpanReceiver implements AsyncDisposable {
  readonly #tee = new Tee();

  private constructor(
    readonly receiver: Receiver,
    readonly sink: SpanSink,
  ) {}

  static async start(options: ReceiverOptions = {}): Promise<SpanReceiver> {
    const both = new SpanReceiver(await startReceiver(options), await SpanSink.open());
    await both.#tee.open();
    for (const { url } of [both.receiver, both.sink]) both.#tee.add(url);
    return both;
  }

  get url(): string {
    return this.#tee.url;
  }

  get spans(): readonly SpanRecord[] {
    return this.sink.spans;
  }

  workers(): WorkerFacts[] {
    return this.receiver.workers();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#tee.shut();
    await this.receiver.close();
    await this.sink[Symbol.asyncDispose]();
  }
}
