// Which words two texts share: the longest common subsequence of their words.

const MOST_CELLS = 4_000_000; // beyond this the middle of two long texts counts as changed as a whole

function wordsOf(text) {
  return text.match(/\s+|[\p{L}\p{N}_'’]+|[^\s]/gu) || [];
}

// Returns two lists of [text, changed], which joined give the two texts.
function differing(before, after) {
  const a = wordsOf(before);
  const b = wordsOf(after);
  let head = 0;
  while (head < a.length && head < b.length && a[head] === b[head]) head++;
  let tail = 0;
  while (tail < a.length - head && tail < b.length - head && a[a.length - 1 - tail] === b[b.length - 1 - tail]) tail++;
  const [keptA, keptB] = common(a.slice(head, a.length - tail), b.slice(head, b.length - tail));
  return [runs(a, head, tail, keptA), runs(b, head, tail, keptB)];
}

function common(a, b) {
  const keptA = new Uint8Array(a.length);
  const keptB = new Uint8Array(b.length);
  const wide = b.length + 1;
  if ((a.length + 1) * wide > MOST_CELLS) return [keptA, keptB];
  const lengths = new Uint16Array((a.length + 1) * wide);
  for (let i = a.length - 1; i >= 0; i--) {
    for (let j = b.length - 1; j >= 0; j--) {
      const here = i * wide + j;
      lengths[here] = a[i] === b[j] ? lengths[here + wide + 1] + 1 : Math.max(lengths[here + wide], lengths[here + 1]);
    }
  }
  for (let i = 0, j = 0; i < a.length && j < b.length;) {
    const here = i * wide + j;
    if (a[i] === b[j]) { keptA[i++] = 1; keptB[j++] = 1; }
    else if (lengths[here + wide] >= lengths[here + 1]) i++;
    else j++;
  }
  return [keptA, keptB];
}

// A space between two changed words is changed with them.
function runs(words, head, tail, kept) {
  const made = [];
  const isChanged = (place) => place >= head && place < words.length - tail && !kept[place - head];
  words.forEach((word, place) => {
    const changed = isChanged(place) || (!word.trim() && isChanged(place - 1) && isChanged(place + 1));
    const last = made[made.length - 1];
    if (last && last[1] === changed) last[0] += word;
    else made.push([word, changed]);
  });
  return made;
}

// How little of two texts' words is shared, whatever their order: 0 all, 1 nothing.
function wording(before, after) {
  const left = new Map();
  const a = before.toLowerCase().match(/[\p{L}\p{N}_'’]+/gu) || [];
  const b = after.toLowerCase().match(/[\p{L}\p{N}_'’]+/gu) || [];
  for (const word of a) left.set(word, (left.get(word) || 0) + 1);
  let shared = 0;
  for (const word of b) {
    const there = left.get(word) || 0;
    if (there) { shared++; left.set(word, there - 1); }
  }
  return a.length + b.length ? 1 - (2 * shared) / (a.length + b.length) : 0;
}
