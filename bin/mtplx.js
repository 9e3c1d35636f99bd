#!/usr/bin/env node
// Plain JavaScript that old versions of Node can parse: it says which version is needed.
const [major, minor] = process.versions.node.split('.').map(Number);
if (major < 22 || (major === 22 && minor < 18)) {
  console.error(`mtplx needs Node 22.18 or newer, this is ${process.versions.node}.`);
  process.exit(1);
}
// Before the rest is read: V8 compiles what runs often while it loads.
const { keepHeapSmall } = await import('./memory.js');
keepHeapSmall();
const { main } = await import('./main.js');
await main();
