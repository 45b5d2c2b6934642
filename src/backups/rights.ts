/** What the asking person may do with the backups of a connection, as plain data for the panels. */
export interface BackupRights {
  backup: boolean;
  download: boolean;
  restore: boolean;
  administer: boolean;
}
