export {
  type DeployFacts,
  type Elsewhere,
  type FactsQuery,
  type FactsSource,
  SourceError,
  type WorkerFacts,
  type WorkerState,
} from './facts.js';
export { type PrometheusOptions, prometheusSource } from './prometheus/source.js';
export type { Attributes, AttributeValue, MetricPoint, Scope } from './receiver/decode.js';
export { type Receiver, type ReceiverOptions, startReceiver } from './receiver/receiver.js';
export { assessDeploy } from './verdict/assess.js';
export type { AssessOptions } from './verdict/assessment.js';
export type { Check, Leftover, Phase, Verdict, Waiting } from './verdict/verdict.js';
