// The page reads without this. With it: values at once on hover, touch and arrow keys, and panels enlarged on a click.
'use strict';
document.body.classList.remove('no-script');
const tip = document.createElement('div');
tip.id = 'tip';
tip.hidden = true;
tip.setAttribute('role', 'status');
document.body.append(tip);

// The browser's own, slower tooltips would stand beside ours.
for (const title of document.querySelectorAll('.op-figure title')) {
  title.parentNode.dataset.tip = title.textContent;
  title.remove();
}

let told = null;
function hide() {
  told?.classList.remove('told');
  told = null;
  tip.hidden = true;
}
function tell(mark) {
  hide();
  told = mark;
  mark.classList.add('told');
  tip.textContent = mark.dataset.tip;
  tip.hidden = false;
  const at = mark.getBoundingClientRect();
  const size = tip.getBoundingClientRect();
  const left = Math.min(Math.max(4, at.left + at.width / 2 - size.width / 2), innerWidth - size.width - 4);
  const above = at.top - size.height - 6;
  tip.style.left = `${left}px`;
  tip.style.top = `${above > 4 ? above : at.bottom + 6}px`;
}

const dialog = document.createElement('dialog');
dialog.setAttribute('aria-label', 'Enlarged figure');
const close = document.createElement('button');
close.textContent = 'Close';
close.addEventListener('click', () => dialog.close());
document.body.append(dialog);
dialog.addEventListener('close', () => { hide(); document.body.append(tip); dialog.replaceChildren(); });
dialog.addEventListener('click', event => { if (event.target === dialog) dialog.close(); });
function enlarge(panel) {
  hide();
  const legend = panel.parentNode.querySelector('.legend');
  dialog.replaceChildren(close, panel.cloneNode(true), ...(legend ? [legend.cloneNode(true)] : []), tip);
  dialog.showModal();
}

// Whoever follows a link into a part that is folded sees it unfolded.
function unfold() {
  const target = document.getElementById(decodeURIComponent(location.hash.slice(1)));
  for (let part = target?.closest('details'); part; part = part.parentNode.closest('details')) part.open = true;
}
addEventListener('hashchange', unfold);
unfold();

document.addEventListener('pointerover', event => {
  const mark = event.target.closest('[data-tip]');
  if (mark) tell(mark); else hide();
});
document.addEventListener('scroll', hide, true);
document.addEventListener('click', event => {
  const panel = event.target.closest('.panels > svg');
  if (panel && !event.target.closest('[data-tip]')) enlarge(panel);
});
document.addEventListener('keydown', event => {
  const panel = event.target.closest('svg.op-figure');
  if (event.key === 'Escape') hide();
  if (!panel) return;
  const marks = [...panel.querySelectorAll('[data-tip]')];
  const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
  if (step && marks.length) {
    event.preventDefault();
    const at = marks.indexOf(told);
    tell(marks[at < 0 ? (step > 0 ? 0 : marks.length - 1) : (at + step + marks.length) % marks.length]);
  } else if (event.key === 'Enter' && !dialog.open) {
    event.preventDefault();
    enlarge(panel);
  }
});
