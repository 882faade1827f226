/** Trees of fields, as `GET /recordings/{name}/fields` sends them, as rows to draw. */

import { type Fields, isFields, number, text } from '../feed/event.ts'
import { texts } from '../texts.ts'
import { escaped } from './plain.ts'

/** Maximum number of bytes shown of a value that is not text. */
const HEX_BYTES_MAX = 16
/** Maximum number of characters shown of a value. */
const VALUE_CHARS_MAX = 2_000
const say = texts.fields

export interface FieldRow {
  depth: number
  /** Number of the field; 0 for malformed bytes at the end of a message. */
  number: number
  /** Its name, if the schema has one. */
  name: string
  wire: string
  value: string
  /** What is wrong with it, if anything. */
  note: string
}

function hex(base64: string): string {
  const bytes = atob(base64)
  const shown = Array.from(bytes.slice(0, HEX_BYTES_MAX), (byte) => byte.charCodeAt(0).toString(16).padStart(2, '0')).join('')
  return bytes === '' ? say.empty : say.bytes(bytes.length, bytes.length > HEX_BYTES_MAX ? `${shown}…` : shown)
}

function value(field: Fields): string {
  if ('text' in field) return escaped(JSON.stringify(text(field.text)))
  if (Array.isArray(field.numbers)) return field.numbers.map(String).join(', ')
  if (Array.isArray(field.fields)) return say.count(field.fields.length)
  if ('bytes' in field) return hex(text(field.bytes))
  if ('tooDeep' in field) return say.tooDeep(atob(text(field.tooDeep)).length)
  return text(field.value)
}

/** Returns a row for each field, those of a message below it; or only for those that are not as in the schema, and what they are in. */
export function rowsOf(fields: unknown, onlyOdd = false, depth = 0): FieldRow[] {
  if (!Array.isArray(fields)) return []
  return fields.filter(isFields).flatMap((field) => {
    if ('malformed' in field) return [{ depth, number: 0, name: '', wire: '', value: hex(text(field.malformed)), note: say.malformed }]
    const note = field.unknown === true ? say.unknown : field.mismatch === true ? say.mismatch : ''
    const row = { depth, number: number(field.number) ?? 0, name: text(field.name), wire: text(field.wire), value: value(field).slice(0, VALUE_CHARS_MAX), note }
    const inner = rowsOf(field.fields, onlyOdd && note === '', depth + 1)
    return onlyOdd && note === '' && inner.length === 0 ? [] : [row, ...inner]
  })
}
