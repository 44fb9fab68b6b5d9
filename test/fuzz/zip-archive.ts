import { crc32 } from "node:zlib";

export interface ZipFile {
  readonly name: string;
  readonly bytes: Uint8Array;
}

const header = (signature: number, length: number) => {
  const bytes = Buffer.alloc(length);
  bytes.writeUInt32LE(signature, 0);
  return bytes;
};

/** A zip archive of stored entries with right checksums, so that what is in them is reached. */
export function zipArchive(files: readonly ZipFile[]): Buffer {
  const [body, directory]: [Buffer[], Buffer[]] = [[], []];
  let position = 0;
  for (const { name, bytes } of files) {
    const [local, central] = [header(0x04034b50, 30), header(0x02014b50, 46)];
    for (const [entry, at] of [
      [local, 14],
      [central, 16],
    ] as const) {
      entry.writeUInt32LE(crc32(bytes), at);
      entry.writeUInt32LE(bytes.length, at + 4);
      entry.writeUInt32LE(bytes.length, at + 8);
      entry.writeUInt16LE(name.length, at + 12);
    }
    central.writeUInt32LE(position, 42);
    body.push(local, Buffer.from(name, "latin1"), Buffer.from(bytes));
    directory.push(central, Buffer.from(name, "latin1"));
    position += 30 + name.length + bytes.length;
  }
  const end = header(0x06054b50, 22);
  end.writeUInt32LE(Buffer.concat(directory).length, 12);
  end.writeUInt32LE(position, 16);
  return Buffer.concat([...body, ...directory, end]);
}
