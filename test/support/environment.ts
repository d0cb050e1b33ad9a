import { vi } from 'vitest';

/** Sets the `OTEL_*` variables of a test; all others of them are unset. `vi.unstubAllEnvs()` undoes it. */
export function setEnvironment(variables: Readonly<Record<string, string>> = {}): void {
  for (const name of Object.keys(process.env)) {
    if (name.startsWith('OTEL_')) vi.stubEnv(name, undefined);
  }
  for (const [name, value] of Object.entries(variables)) vi.stubEnv(name, value);
}
