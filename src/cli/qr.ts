/** A QR code for a terminal, dark on light, whatever the terminal's colours are. Where there is not room for it there is none. */
export async function qrCode(text: string): Promise<string> {
  const { encodeQR } = await import('qr');
  const rows = encodeQR(text, 'ascii', { ecc: 'low', border: 2 }).split('\n').filter(Boolean);
  if ((rows[0] ?? '').length > process.stdout.columns) return '';
  return rows.map((row) => `\x1b[40;97m${row}\x1b[0m\n`).join('');
}
