import { join } from 'node:path';
import { goInstall } from './go-install.js';
import { installed } from './installed.js';

const PROGRAM = 'github.com/livekit/livekit-server/cmd/server@v1.11.0';

/** The path of the real LiveKit server. */
export async function livekitServer(): Promise<string> {
  const dir = await installed('livekit-server-v1.11.0', (target) =>
    goInstall(target, PROGRAM, ['-ldflags=-s -w']),
  );
  return join(dir, 'server');
}
