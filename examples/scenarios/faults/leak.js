// Loaded before a call server: from SIGUSR2 on it leaks memory, until Node ends it for its heap limit.
/** @type {object[][]} */
const leaked = [];
process.once('SIGUSR2', () => {
  setInterval(() => leaked.push(Array.from({ length: 20_000 }, () => ({}))), 10);
});
