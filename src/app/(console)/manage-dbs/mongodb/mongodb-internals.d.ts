/** The part of the driver that has no types: see mongodb.raw-insert.ts. */
declare module "mongodb/lib/cmap/commands.js" {
  export class DocumentSequence {
    constructor(field: string);
    /** The bytes are sent as they are; `document` is not looked at. */
    push(document: object, bytes: Uint8Array): number;
  }
}
