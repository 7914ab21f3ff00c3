import type { Dashboard as Sdk } from '@grafana/grafana-foundation-sdk/dashboard';
import type { Dataquery as Query } from '@grafana/grafana-foundation-sdk/prometheus';
import type { Dataquery as AnyQuery } from '@grafana/grafana-foundation-sdk/cog';

// JSONOf is a type of the SDK as JSON has it: enumerations are their texts, and queries are
// Prometheus's.
type JSONOf<T> = T extends string ? `${T}`
  : T extends (infer U)[] ? JSONOf<U>[]
  : T extends AnyQuery ? { [K in Exclude<keyof Query, `_${string}`>]?: JSONOf<Query[K]> }
  : T extends object ? { [K in keyof T]: JSONOf<T[K]> }
  : T;
export type Dashboard = JSONOf<Sdk>;
