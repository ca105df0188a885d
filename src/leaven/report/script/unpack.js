// The page's own data: base64 of gzip of JSON, in a data block that no browser executes.

async function unpacked(id) {
  const block = document.getElementById(id);
  if (!block || !block.textContent.trim()) return null;
  const letters = atob(block.textContent.trim());
  const bytes = new Uint8Array(letters.length);
  for (let i = 0; i < letters.length; i++) bytes[i] = letters.charCodeAt(i);
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  return JSON.parse(await new Response(stream).text());
}
