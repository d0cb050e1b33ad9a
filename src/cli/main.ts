#!/usr/bin/env node
import { Command, CommanderError } from 'commander';
import { SCOPE_NAME, SCOPE_VERSION } from '../attributes.js';
import { recoverCommand } from './recover.js';

const WRONG_USAGE = 64;

const program = new Command(SCOPE_NAME)
  .version(SCOPE_VERSION)
  .description('Proves over OpenTelemetry that a blue-green deploy of long-session workers is done.');

for (const command of [recoverCommand()]) program.addCommand(command.exitOverride());

try {
  await program.exitOverride().parseAsync();
} catch (error) {
  if (!(error instanceof CommanderError)) throw error;
  process.exitCode = error.exitCode === 0 ? 0 : WRONG_USAGE;
}
