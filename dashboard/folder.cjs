// Where the built page is. The build puts another file in this one's place, at the same distance from the compiled sources: a module
// that is compiled to ESM and to CommonJS has no one way to say where it is.
const { join } = require('node:path');

exports.folder = join(__dirname, '../dist/dashboard');
