// Makes a receipt with receiptline, which we did not write: its markup on stdin, columns as argument, hex on stdout.
'use strict';
const receiptline = require('receiptline');
const markup = require('fs').readFileSync(0, 'utf8');
const made = receiptline.transform(markup, { cpl: Number(process.argv[2]), encoding: 'gb18030', command: 'escpos', cutting: true });
console.log(Buffer.from(made, 'binary').toString('hex'));
