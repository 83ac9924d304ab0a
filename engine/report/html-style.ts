/** The look of the HTML report, in light and dark. */
export const css = `
:root { color-scheme: light dark;
  --ground: light-dark(#f6f7f9, #14171c); --card: light-dark(#fff, #1c2027); --line: light-dark(#e2e6ec, #2d333d);
  --text: light-dark(#1d2430, #e4e8ee); --soft: light-dark(#667085, #98a2b3);
  --green: light-dark(#137a43, #5ad18f); --yellow: light-dark(#8a5a00, #e9bd5c);
  --red: light-dark(#b42318, #ff8a7d); --purple: light-dark(#6b3fa0, #c9a5f5); }
* { box-sizing: border-box; }
body { margin: 0; background: var(--ground); color: var(--text);
  font: 15px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, sans-serif; }
header, main { max-width: 64rem; margin: 0 auto; padding: 0 1.25rem; }
header { padding-top: 2.5rem; }
h1 { margin: 0; font-size: 1.7rem; line-height: 1.2; }
h2 { margin: 2rem 0 .75rem; font-size: 1.05rem; }
h3 { margin: 0 0 .5rem; font-size: 1rem; }
h3 small { color: var(--soft); font-weight: 400; }
code, pre { font: .86em/1.5 ui-monospace, SFMono-Regular, Menlo, Consolas, monospace; }
.kind { margin: 0 0 .25rem; color: var(--soft); font-size: .8rem; letter-spacing: .06em; text-transform: uppercase; }
.facts { margin: .5rem 0 0; color: var(--soft); }
.tiles { display: flex; flex-wrap: wrap; gap: .6rem; margin: 1.5rem 0; padding: 0; list-style: none; }
.tiles li { padding: .5rem .9rem; border: 1px solid var(--line); border-radius: .6rem; background: var(--card); }
.tiles b { font-size: 1.25rem; font-variant-numeric: tabular-nums; }
.tiles .none { opacity: .5; }
.tiles .changed b, .tiles .deviation b { color: var(--yellow); }
.tiles .unchanged b { color: var(--green); }
.tiles .failed b { color: var(--red); }
article { margin: 0 0 .9rem; padding: 1rem 1.1rem; border: 1px solid var(--line); border-radius: .6rem; background: var(--card); }
ol { margin: 0; padding: 0; list-style: none; }
ol li { position: relative; padding: .3rem 0 .3rem 1.6rem; border-top: 1px solid var(--line); overflow-wrap: anywhere; }
ol li:first-child { border-top: 0; }
.sign { position: absolute; left: .2rem; font-weight: 700; font-family: ui-monospace, monospace; }
.create > .sign, .write > .sign { color: var(--green); } .update > .sign { color: var(--yellow); }
.remove > .sign, .failed > .sign { color: var(--red); }
.unchanged > .sign, .skipped > .sign { color: var(--soft); }
li > code, .after, .quiet, summary { color: var(--soft); }
.what { margin-left: .3rem; }
ins { color: var(--green); text-decoration: none; } del { color: var(--red); text-decoration: none; }
.deviation { margin: .2rem 0; color: var(--yellow); }
.quiet { margin: 0; }
details { margin: .3rem 0; } summary { cursor: pointer; font-size: .9rem; }
pre { margin: .3rem 0; padding: .6rem .8rem; border-radius: .4rem; background: var(--ground); overflow-x: auto; }
pre .ins { color: var(--green); } pre .del { color: var(--red); } pre .gap { color: var(--soft); }
.problem { margin: .4rem 0; padding: .5rem .8rem; border-left: 3px solid var(--red); }
.problem p { margin: 0; }
`;
