/** The version of `@livekit/agents` that this is tested with; what is leaned on may change with each minor one. */
export const TESTED_VERSION = '1.9';

export const isTested = (version: string): boolean => version.startsWith(`${TESTED_VERSION}.`);
