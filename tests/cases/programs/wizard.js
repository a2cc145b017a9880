// A wizard on node's readline: questions with defaults, a list, a confirmation.
const readline = require('readline');
const rl = readline.createInterface({ input: process.stdin, output: process.stdout });
const ask = (q) => new Promise((r) => rl.question(q, r));
(async () => {
  const name = (await ask('? Project name: (my-app) ')) || 'my-app';
  console.log('  1) JavaScript\n  2) TypeScript');
  const kind = await ask('? Choose a flavour [1-2]: ');
  const sure = await ask(`? Create ${name}? (Y/n) `);
  if (sure.toLowerCase().startsWith('n')) { console.log('Aborted 1237'); process.exit(2); }
  process.stdout.write('Creating');
  for (let i = 0; i < 5; i++) { await new Promise((r) => setTimeout(r, 400)); process.stdout.write('.'); }
  console.log(`\nCreated ${name} in ${kind === '2' ? 'TypeScript' : 'JavaScript'} 1249`);
  rl.close();
})();
