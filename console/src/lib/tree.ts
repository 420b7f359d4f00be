type Node = { id: string; parentId: string | null };

/** A row of a tree that is drawn line by line. */
export type Row<T> = {
  item: T;
  depth: number;
  /** For each level above: whether a line goes on below it. The last one is the item's own. */
  lines: boolean[];
};

/** Depth first, in the order given. Whose parent is not among them stands at the top. */
export function treeRows<T extends Node>(items: readonly T[]): Row<T>[] {
  const ids = new Set(items.map(({ id }) => id));
  const parentOf = (item: T) => (item.parentId !== null && ids.has(item.parentId) ? item.parentId : null);
  const rows: Row<T>[] = [];
  const add = (parent: string | null, depth: number, above: boolean[]) => {
    const children = items.filter((item) => parentOf(item) === parent);
    children.forEach((item, index) => {
      const lines = depth === 0 ? [] : [...above, index < children.length - 1];
      rows.push({ item, depth, lines });
      add(item.id, depth + 1, lines);
    });
  };
  add(null, 0, []);
  return rows;
}
