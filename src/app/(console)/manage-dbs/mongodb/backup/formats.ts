/** What a MongoDB artefact may be; which one it is shows in its first bytes, whatever its name says. */
export const ARCHIVE_FORMAT = "mongodump-archive-gzip";
export const PLAIN_ARCHIVE_FORMAT = "mongodump-archive";
export const FOLDER_FORMAT = "mongodump-tar";
export const FOLDER_GZIP_FORMAT = "mongodump-tar-gzip";

export const FORMAT_WORDS: ReadonlyMap<string, string> = new Map([
  [ARCHIVE_FORMAT, "mongodump archive, gzip"],
  [PLAIN_ARCHIVE_FORMAT, "mongodump archive"],
  [FOLDER_FORMAT, "mongodump folder, tar"],
  [FOLDER_GZIP_FORMAT, "mongodump folder, tar and gzip"],
]);

/** Extensions of what only other tools write. */
export const FORMAT_EXTENSIONS: Readonly<Record<string, string>> = {
  [PLAIN_ARCHIVE_FORMAT]: ".archive",
  [FOLDER_FORMAT]: ".tar",
  [FOLDER_GZIP_FORMAT]: ".tar.gz",
};
