import type { BackupEngine } from "@/backups/engine";
import { AppError } from "@/server/errors";
const no = () => Promise.reject(new AppError("UNSUPPORTED", "not yet"));
export const pendingBackup: BackupEngine = { extension: ".x", write: no, verify: no, plan: no, stage: no, sweep: no };
