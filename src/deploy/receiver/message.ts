import { inspect } from 'node:util';
import protobuf, { type Type } from 'protobufjs/light.js';

/** The two encodings of OTLP/HTTP. */
export type OtlpContentType = 'application/x-protobuf' | 'application/json';

/** A body that is not OTLP. The message names the field. */
export class OtlpDecodeError extends Error {
  override readonly name: string = 'OtlpDecodeError';
}

/** A body with more in it than is decoded at once. */
export class OtlpTooLargeError extends OtlpDecodeError {
  override readonly name = 'OtlpTooLargeError';

  constructor(limit: number, what: string) {
    super(`body: more than ${limit.toLocaleString('en')} ${what}`);
  }
}

/**
 * Decoding holds up everything else, for about a second at this size. A collector's batch of 8,192 datapoints with
 * twenty attributes each has 750,000 fields.
 */
const MAX_FIELDS = 1_000_000;

const utf8 = new TextDecoder('utf-8', { fatal: true });
const NUMERIC = /^-?\d+(\.\d+)?(e[+-]?\d+)?$/i;
const NOT_FINITE = /^(NaN|-?Infinity)$/;
const INSPECT = { depth: 0, maxArrayLength: 3, maxStringLength: 50, breakLength: Number.POSITIVE_INFINITY };

/** Gives up on a body of too many fields before they fill the memory. */
class BoundedReader extends protobuf.BufferReader {
  #left = MAX_FIELDS;

  override tag(): number {
    if (this.#left-- === 0) throw new OtlpTooLargeError(MAX_FIELDS, 'fields');
    return super.tag();
  }
}

function decodeProtobuf(body: Buffer, type: Type): unknown {
  return type.decode(new BoundedReader(body));
}

/** What begins an object or a list in JSON, or parts what is in it: about as many as there are fields. */
const JSON_PARTS = new Set(Buffer.from('{[,'));

function decodeJson(body: Buffer): unknown {
  let fields = 0;
  for (const byte of body) if (JSON_PARTS.has(byte)) fields += 1;
  if (fields > MAX_FIELDS) throw new OtlpTooLargeError(MAX_FIELDS, 'fields');
  return JSON.parse(utf8.decode(body));
}

/**
 * A request message: protobufjs and JSON.parse give the same field names, the readers below the same values.
 *
 * @throws {OtlpTooLargeError} when it has more than a million fields.
 * @throws {OtlpDecodeError} when it is none.
 */
export function parse(body: Uint8Array, contentType: OtlpContentType, type: Type): object {
  const bytes = Buffer.from(body.buffer, body.byteOffset, body.byteLength);
  let request: unknown;
  try {
    request = contentType === 'application/json' ? decodeJson(bytes) : decodeProtobuf(bytes, type);
  } catch (error) {
    if (error instanceof OtlpDecodeError) throw error;
    throw new OtlpDecodeError(`body: ${error instanceof Error ? error.message : error}`, { cause: error });
  }
  return asMessage(request, type.name);
}

/** Own fields only: on the prototype a protobufjs message has defaults, that hide what was not sent. */
export function get(message: object, name: string): unknown {
  return Object.hasOwn(message, name) ? ((message as Record<string, unknown>)[name] ?? undefined) : undefined;
}

export function has(message: object, name: string): boolean {
  return get(message, name) !== undefined;
}

function wrong(name: string, expected: string, value: unknown): OtlpDecodeError {
  return new OtlpDecodeError(`${name}: expected ${expected}, got ${inspect(value, INSPECT)}`);
}

function asMessage(value: unknown, name: string): object {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw wrong(name, 'an object', value);
  return value;
}

export function child(message: object, name: string): object {
  return asMessage(get(message, name) ?? {}, name);
}

export function children(message: object, name: string): object[] {
  const value = get(message, name) ?? [];
  if (!Array.isArray(value)) throw wrong(name, 'an array', value);
  return value.map((item) => asMessage(item, name));
}

export function text(message: object, name: string): string {
  const value = get(message, name) ?? '';
  if (typeof value !== 'string') throw wrong(name, 'a string', value);
  return value;
}

export function flag(message: object, name: string): boolean {
  const value = get(message, name) ?? false;
  if (typeof value !== 'boolean') throw wrong(name, 'a boolean', value);
  return value;
}

/** Undefined when absent or not finite. 64-bit integers lose what a double cannot hold. */
export function number(message: object, name: string): number | undefined {
  let value = get(message, name);
  // JSON holds no functions, so this is protobufjs' Long.
  if (typeof value === 'object' && value && 'toNumber' in value && typeof value.toNumber === 'function') {
    value = value.toNumber();
  }
  if (typeof value === 'string' && (NUMERIC.test(value) || NOT_FINITE.test(value))) value = Number(value);
  if (value === undefined) return undefined;
  if (typeof value !== 'number') throw wrong(name, 'a number', value);
  return Number.isFinite(value) ? value : undefined;
}
