export {
  type DeployFacts,
  type FactsQuery,
  type FactsSource,
  SourceError,
  type WorkerFacts,
} from './facts.js';
export type { Attributes, AttributeValue, MetricPoint, Scope, SpanRecord } from './otlp-decode.js';
export { type Receiver, type ReceiverOptions, startReceiver } from './receiver.js';
