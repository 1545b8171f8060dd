// What a row is outside its store: the columns that its Objection model declares, and none of the model's methods.
import type { Model } from "objection";

export type Columns<Row extends Model> = Readonly<Omit<Row, keyof Model>>;
