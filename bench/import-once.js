// Prints how many milliseconds the import of a package takes in a fresh process.
const name = process.argv[2] ?? '';
const start = performance.now();
await import(name);
console.log(performance.now() - start);
