/**
 * A QR code for a terminal, dark on light, whatever the terminal's colours are.
 * @param say prints a line where the terminal is too narrow; the code is empty then
 */
export async function qrCode(text: string, say: (line: string) => void): Promise<string> {
  const { encodeQR } = await import('qr');
  const rows = encodeQR(text, 'ascii', { ecc: 'low', border: 2 }).split('\n').filter(Boolean);
  const { columns } = process.stdout;
  const width = (rows[0] ?? '').length;
  if (width > columns) {
    say(`no QR code is shown: it needs a terminal of ${width} columns, and this one has ${columns}`);
    return '';
  }
  return rows.map((row) => `\x1b[40;97m${row}\x1b[0m\n`).join('');
}
