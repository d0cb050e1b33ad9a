// Loaded before a call server: on SIGUSR2 it fails like one with a bug.
process.once('SIGUSR2', () => {
  throw new Error('a bug of the new version');
});
