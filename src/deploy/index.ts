export { assessDeploy } from './assess.js';
export {
  type DeployFacts,
  type FactsQuery,
  type FactsSource,
  SourceError,
  type WorkerFacts,
  type WorkerState,
} from './facts.js';
export type { Attributes, AttributeValue, MetricPoint, Scope, SpanRecord } from './otlp-decode.js';
export { type PrometheusOptions, prometheusSource } from './prometheus.js';
export { type Receiver, type ReceiverOptions, startReceiver } from './receiver.js';
export type { Check, Leftover, Phase, Verdict, Waiting } from './verdict.js';
export type { AssessOptions } from './view.js';
