/** Tar files for the tests, also ones that no tool would write. */

export interface TarEntry {
  path: string;
  content?: Buffer | string;
  /** "0" file, "2" symbolic link, "3" device, "5" folder. */
  type?: string;
  linkTo?: string;
  /** What the header says of its content, when that is another. */
  size?: number;
}

export function tarOf(entries: readonly TarEntry[], end = Buffer.alloc(1_024)): Buffer {
  return Buffer.concat([...entries.flatMap((entry) => tarEntry(entry)), end]);
}

function tarEntry({ path, content = "", type = "0", linkTo = "", size }: TarEntry): Buffer[] {
  const body = Buffer.from(content);
  if (Buffer.byteLength(path) > 100) {
    const name = Buffer.from(`${path}\0`);
    return [
      header({ path: "././@LongLink", size: name.length, type: "L", linkTo: "" }),
      padded(name),
      ...tarEntry({ path: path.slice(0, 50), content, type, linkTo }),
    ];
  }
  return [header({ path, size: size ?? body.length, type, linkTo }), padded(body)];
}

const padded = (body: Buffer): Buffer => Buffer.concat([body, Buffer.alloc((512 - (body.length % 512)) % 512)]);

function header({ path, size, type, linkTo }: { path: string; size: number; type: string; linkTo: string }): Buffer {
  const block = Buffer.alloc(512);
  block.write(path, 0, 100, "utf8");
  block.write("0000644\0", 100);
  block.write(`${size.toString(8).padStart(11, "0")}\0`, 124);
  block.write("        ", 148);
  block.write(type, 156);
  block.write(linkTo, 157);
  block.write("ustar\x0000", 257, "latin1");
  const sum = block.reduce((total, byte) => total + byte, 0);
  block.write(`${sum.toString(8).padStart(6, "0")}\0 `, 148);
  return block;
}
