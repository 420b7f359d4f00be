/** As much of OpenAPI as this server writes. */
export type Schema = {
  $ref?: string;
  type?: string | string[];
  format?: string;
  enum?: (string | null)[];
  description?: string;
  properties?: Record<string, Schema>;
  required?: string[];
  items?: Schema;
  oneOf?: Schema[];
  readOnly?: boolean;
};

export type Parameter = {
  $ref?: string;
  name: string;
  in: "query" | "path" | "header";
  required?: boolean;
  description?: string;
  example?: string;
  schema: Schema;
};

export type Operation = {
  tags: string[];
  summary: string;
  description?: string;
  operationId: string;
  parameters?: Parameter[];
  requestBody?: { required: boolean; content: { "application/json": { schema: Schema } } };
};

export type ApiDocument = {
  tags: { name: string; description: string }[];
  paths: Record<string, Record<string, Operation | Parameter[]>>;
  components: { schemas: Record<string, Schema>; parameters: Record<string, Parameter> };
};

/** One method at one path, with everything it refers to in place. */
export type Endpoint = Omit<Operation, "parameters"> & { method: string; path: string; parameters: Parameter[] };

/** All of them under the tag they have. */
export function endpoints(api: ApiDocument, tag: string): Endpoint[] {
  return Object.entries(api.paths).flatMap(([path, item]) => {
    const { parameters: shared = [], ...methods } = item as { parameters?: Parameter[] } & Record<string, Operation>;
    return Object.entries(methods)
      .filter(([, operation]) => operation.tags.includes(tag))
      .map(([method, operation]) => ({
        ...operation,
        method: method.toUpperCase(),
        path,
        parameters: [...(shared as Parameter[]), ...(operation.parameters ?? [])].map(
          (parameter) => resolve(parameter.$ref, api.components.parameters) ?? parameter,
        ),
      }));
  });
}

function resolve<T>(reference: string | undefined, from: Record<string, T>): T | undefined {
  return reference === undefined ? undefined : from[reference.split("/").at(-1) ?? ""];
}

/** The fields of a body or record. */
export function fields(
  api: ApiDocument,
  schema: Schema,
): { name: string; kind: string; required: boolean; schema: Schema }[] {
  const whole = resolve(schema.$ref, api.components.schemas) ?? (schema.oneOf ? schema.oneOf[0] : schema) ?? schema;
  const object = resolve(whole.$ref, api.components.schemas) ?? whole;
  return Object.entries(object.properties ?? {}).map(([name, property]) => ({
    name,
    kind: kind(property),
    required: object.required?.includes(name) ?? false,
    schema: property,
  }));
}

function kind(schema: Schema): string {
  if (schema.enum) return schema.enum.filter((value) => value !== null).join(" | ");
  if (schema.items) return `${kind(schema.items)}[]`;
  const type = [schema.type ?? "any"].flat().filter((type) => type !== "null");
  return schema.format ?? type.join(" | ");
}

/** A body to begin with: what must be in it. */
export function example(api: ApiDocument, schema: Schema): string {
  const value = (schema: Schema) => {
    if (schema.enum) return schema.enum[0];
    const type = [schema.type ?? "string"].flat()[0];
    return { integer: 1, number: 1, boolean: true, array: [] as never[], object: {} }[type ?? ""] ?? "";
  };
  const wanted = fields(api, schema).filter((field) => field.required);
  return JSON.stringify(Object.fromEntries(wanted.map((field) => [field.name, value(field.schema)])), null, 2);
}
