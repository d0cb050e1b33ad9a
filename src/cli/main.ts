#!/usr/bin/env node
import { Command, CommanderError } from 'commander';
import { SCOPE_NAME, SCOPE_VERSION } from '../attributes.js';
import { bridgeCommand } from './bridge.js';
import { demoCommand } from './demo.js';
import { EXIT } from './exit-codes.js';
import { recoverCommand } from './recover.js';
import { plain } from './text.js';
import { topCommand } from './top.js';
import { UsageError } from './values.js';
import { watchCommand } from './watch.js';

const program = new Command(SCOPE_NAME)
  .description('Tells whether a blue-green deploy of long-session workers is done.')
  .version(SCOPE_VERSION);

for (const command of [watchCommand(), topCommand(), bridgeCommand(), recoverCommand(), demoCommand()])
  program.addCommand(command);
for (const command of [program, ...program.commands]) {
  command.exitOverride().showHelpAfterError(`(${command.name()} --help tells the options)`);
}

// A reader that goes away, such as head, is no failure.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error;
  process.exit();
});

try {
  await program.parseAsync();
} catch (error) {
  if (error instanceof CommanderError) {
    process.exitCode = error.exitCode === 0 ? 0 : EXIT.usage;
  } else {
    console.error(`error: ${plain(error instanceof Error ? error.message : String(error))}`);
    process.exitCode = error instanceof UsageError ? EXIT.usage : EXIT.failed;
  }
}
