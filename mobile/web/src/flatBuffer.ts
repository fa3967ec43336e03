/**
 * As much of the FlatBuffers format as it takes to find a string: flatbuffers.dev/internals.
 * Tables are given by their positions, fields by their numbers in the schema.
 */
export class FlatBuffer {
  private readonly bytes: Uint8Array;
  private readonly view: DataView;

  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  /** Four letters that name the schema; none in a file too short to be one. */
  get identifier(): string {
    return this.text(4, 4);
  }

  get root(): number {
    return this.follow(0);
  }

  /** Positions of the tables in a vector; none if the field is absent. */
  tables(table: number, field: number): number[] {
    const vector = this.vector(table, field);
    const length = vector && this.view.getUint32(vector, true);
    return Array.from({length}, (_, i) => this.follow(vector + 4 + 4 * i));
  }

  /** A string, or a vector of bytes read as one; empty if the field is absent. */
  string(table: number, field: number): string {
    const vector = this.vector(table, field);
    return vector ? this.text(vector + 4, this.view.getUint32(vector, true)) : '';
  }

  uint32(table: number, field: number): number {
    const position = this.position(table, field);
    return position && this.view.getUint32(position, true);
  }

  private vector(table: number, field: number): number {
    const position = this.position(table, field);
    return position && this.follow(position);
  }

  /** Where a table holds a field; 0 if it doesn't. */
  private position(table: number, field: number): number {
    const layout = table - this.view.getInt32(table, true);
    const entry = 4 + 2 * field;
    if (entry >= this.view.getUint16(layout, true)) return 0;
    const offset = this.view.getUint16(layout + entry, true);
    return offset && table + offset;
  }

  private follow(position: number): number {
    return position + this.view.getUint32(position, true);
  }

  private text(start: number, length: number): string {
    return new TextDecoder().decode(this.bytes.subarray(start, start + length));
  }
}
