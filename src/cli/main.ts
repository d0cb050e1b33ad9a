#!/usr/bin/env node
import { CommanderError, program } from 'commander';
import { SCOPE_NAME, SCOPE_VERSION } from '../attributes.js';
import { bridgeCommand } from './bridge.js';

const USAGE = 64;

program.name(SCOPE_NAME).version(SCOPE_VERSION).addCommand(bridgeCommand());
for (const command of [program, ...program.commands]) command.exitOverride();

try {
  await program.parseAsync();
} catch (error) {
  if (!(error instanceof CommanderError)) throw error;
  // Help and version were asked for; everything else that commander refuses is wrong usage.
  process.exitCode = error.exitCode === 0 ? 0 : USAGE;
}
