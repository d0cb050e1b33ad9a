#!/usr/bin/env node
import { Command, CommanderError } from 'commander';
import { SCOPE_NAME, SCOPE_VERSION } from '../attributes.js';
import { EXIT } from './args/exit-codes.js';
import { UsageError } from './args/values.js';
import { bridgeCommand } from './bridge.js';
import { demoCommand } from './demo.js';
import { recoverCommand } from './recover.js';
import { plain } from './terminal/text.js';
import { topCommand } from './top.js';
import { watchCommand } from './watch.js';

const program = new Command(SCOPE_NAME)
  .description('Tells whether a blue-green deploy of long-session workers is done.')
  .version(SCOPE_VERSION);

for (const command of [watchCommand(), topCommand(), bridgeCommand(), recoverCommand(), demoCommand()])
  program.addCommand(command);
for (const command of [program, ...program.commands]) {
  command.exitOverride().showHelpAfterError(`(${command.name()} --help shows the options)`);
}

// Success is what a command says in the end, and nothing else: no signal, error, or work that is left undone.
process.exitCode = EXIT.failed;

// A reader that goes away, such as head, or a full disk changes no verdict: the exit code says it.
for (const stream of [process.stdout, process.stderr]) stream.on('error', () => {});

try {
  await program.parseAsync();
} catch (error) {
  if (error instanceof CommanderError) {
    process.exitCode = error.exitCode === 0 ? EXIT.complete : EXIT.usage;
  } else {
    console.error(`error: ${plain(error instanceof Error ? error.message : String(error))}`);
    process.exitCode = error instanceof UsageError ? EXIT.usage : EXIT.failed;
  }
}
