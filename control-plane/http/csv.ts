// Answers as comma-separated values (RFC 4180), for spreadsheets and scripts.
import { stringify } from "csv-stringify/sync";

export type CsvCell = string | number | null;

/** The first line names the columns; null and what a row does not have is an empty cell. */
export function csvOf<Column extends string>(
  columns: readonly Column[],
  rows: readonly Readonly<Partial<Record<Column, CsvCell>>>[],
): string {
  // What viewers send, as a path or a referrer, must not run as a formula in the spreadsheet of whoever opens the file.
  const options = { header: true, columns: [...columns], record_delimiter: "windows", escape_formulas: true } as const;
  return stringify([...rows], options);
}
