// A bar chart as SVG: groups of bars, one colour for each series, the value at the end of each bar. It reads in light and in
// dark pages.

export interface BarGroup {
  readonly name: string;
  readonly bars: readonly { readonly name: string; readonly value: number }[];
}

const WIDTH = 720;
const NAME_WIDTH = 150;
const VALUE_WIDTH = 70;
const BAR_HEIGHT = 22;
const BAR_GAP = 4;
const GROUP_HEAD = 30;
const GROUP_GAP = 14;
const TITLE_HEIGHT = 40;
const COLOURS = ["#d9480f", "#868e96", "#4c6ef5", "#2b8a3e", "#9c36b5", "#0b7285"];

export function barChart({ title, groups }: { title: string; groups: readonly BarGroup[] }): string {
  const most = Math.max(...groups.flatMap(({ bars }) => bars.map(({ value }) => value)));
  const names = [...new Set(groups.flatMap(({ bars }) => bars.map(({ name }) => name)))];
  const colourOf = (name: string) => COLOURS[names.indexOf(name) % COLOURS.length] ?? "#868e96";
  const lines: string[] = [];
  let top = TITLE_HEIGHT;
  for (const { name: group, bars } of groups) {
    lines.push(`<text x="0" y="${top + 20}" font-weight="bold">${escaped(group)}</text>`);
    top += GROUP_HEAD;
    for (const { name, value } of bars) {
      const length = Math.round(((WIDTH - NAME_WIDTH - VALUE_WIDTH) * value) / most);
      const baseline = top + BAR_HEIGHT - 6;
      lines.push(
        `<text x="${NAME_WIDTH - 8}" y="${baseline}" text-anchor="end">${escaped(name)}</text>`,
        `<rect x="${NAME_WIDTH}" y="${top}" width="${length}" height="${BAR_HEIGHT}" fill="${colourOf(name)}"/>`,
        `<text x="${NAME_WIDTH + length + 6}" y="${baseline}">${value.toLocaleString("en")}</text>`,
      );
      top += BAR_HEIGHT + BAR_GAP;
    }
    top += GROUP_GAP;
  }
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${top}" role="img" aria-label="${escaped(title)}">
<style>text { font: 14px sans-serif; fill: #212529 } @media (prefers-color-scheme: dark) { text { fill: #dee2e6 } }</style>
<text x="0" y="20" font-weight="bold">${escaped(title)}</text>
${lines.join("\n")}
</svg>
`;
}

function escaped(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll('"', "&quot;");
}
