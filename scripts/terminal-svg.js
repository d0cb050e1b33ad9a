import stringWidth from 'string-width';

const FONT_SIZE = 14;
const CELL_WIDTH = 8.4;
const LINE_HEIGHT = 20;
const MARGIN = 16;
const BACKGROUND = '#0d1117';
const FOREGROUND = '#d0d7de';
const FONTS = "ui-monospace, SFMono-Regular, Menlo, Consolas, 'DejaVu Sans Mono', monospace";

/** The colours of a terminal, by their SGR number. @type {Readonly<Record<number, string>>} */
const COLOURS = { 31: '#ff7b72', 32: '#3fb950', 33: '#d29922', 36: '#39c5cf', 90: '#8b949e' };
const DEFAULT_COLOUR = 39;

/** @typedef {{ colour: string, isBold: boolean, isInverse: boolean }} Style */

/** SGR numbers that are no colour. @type {Readonly<Record<number, Partial<Style>>>} */
const ATTRIBUTES = {
  1: { isBold: true },
  22: { isBold: false },
  7: { isInverse: true },
  27: { isInverse: false },
};

/**
 * Lines of a terminal as a picture. Knows the colours that are listed above, and throws for any other.
 * @param {readonly string[]} lines @param {number} columns @param {string} title
 */
export function toSvg(lines, columns, title) {
  const width = Math.ceil(columns * CELL_WIDTH + 2 * MARGIN);
  const height = lines.length * LINE_HEIGHT + 2 * MARGIN;
  const rows = lines.flatMap((line, row) => drawLine(line, MARGIN + row * LINE_HEIGHT));
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img">
<title>${encode(title)}</title>
<rect width="100%" height="100%" rx="8" fill="${BACKGROUND}"/>
<g font-family="${FONTS}" font-size="${FONT_SIZE}">
${rows.join('\n')}
</g>
</svg>
`;
}

/** @param {string} line @param {number} top */
function drawLine(line, top) {
  /** @type {Style} */
  let style = { colour: FOREGROUND, isBold: false, isInverse: false };
  let column = 0;
  /** @type {string[]} */
  const elements = [];
  for (const part of `\x1b[${DEFAULT_COLOUR}m${line}`.split('\x1b[').slice(1)) {
    const end = part.indexOf('m');
    const text = part.slice(end + 1);
    style = { ...style, ...read(Number(part.slice(0, end))) };
    elements.push(...drawText(text, column, top, style));
    column += stringWidth(text);
  }
  return elements;
}

/** @param {number} sgr @returns {Partial<Style>} */
function read(sgr) {
  const colour = sgr === DEFAULT_COLOUR ? FOREGROUND : COLOURS[sgr];
  const change = colour === undefined ? ATTRIBUTES[sgr] : { colour };
  if (!change) throw new Error(`the picture knows no SGR ${sgr}`);
  return change;
}

/**
 * Words that stand together are stretched to their cells, so that columns meet in any font.
 * @param {string} text @param {number} column @param {number} top @param {Style} style
 */
function drawText(text, column, top, { colour, isBold, isInverse }) {
  /** @type {string[]} */
  const elements = [];
  /** @param {number} cells */
  const size = (cells) => (cells * CELL_WIDTH).toFixed(1);
  /** @param {number} cells */
  const left = (cells) => (MARGIN + (column + cells) * CELL_WIDTH).toFixed(1);
  if (isInverse) {
    elements.push(
      `<rect x="${left(0)}" y="${top}" width="${size(stringWidth(text))}" height="${LINE_HEIGHT}" fill="${colour}"/>`,
    );
  }
  for (const { 0: words, index } of text.matchAll(/\S+(?: \S+)*/g)) {
    const weight = isBold ? ' font-weight="bold"' : '';
    elements.push(
      `<text x="${left(stringWidth(text.slice(0, index)))}" y="${top + FONT_SIZE}" textLength="${size(stringWidth(words))}" lengthAdjust="spacingAndGlyphs" fill="${isInverse ? BACKGROUND : colour}"${weight}>${encode(words)}</text>`,
    );
  }
  return elements;
}

/** @param {string} text */
const encode = (text) => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
