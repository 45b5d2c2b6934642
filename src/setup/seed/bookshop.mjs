/** The bookshop: the same authors, books, customers, orders and reviews in all four engines. Always the same data, from one fixed seed. */

const given = [
  "Ada",
  "Åsa",
  "Beatriz",
  "Chidi",
  "Dmitri",
  "Éloïse",
  "Fatima",
  "Grace",
  "Hiroshi",
  "Ines",
  "Jürgen",
  "Kwame",
  "Leila",
  "Mateo",
  "Niamh",
  "Olga",
  "Pádraig",
  "Rania",
  "Søren",
  "Tomás",
];
const family = [
  "Abe",
  "Björk",
  "Castro",
  "Dubois",
  "Eze",
  "Fischer",
  "García",
  "Haddad",
  "Ivanova",
  "Jansen",
  "Kowalski",
  "Lindqvist",
  "Mbeki",
  "Nakamura",
  "O'Brien",
  "Petrov",
  "Quispe",
  "Rossi",
  "Šimek",
  "Tanaka",
];
const adjectives = ["Quiet", "Broken", "Northern", "Second", "Borrowed", "Glass", "Invisible", "Salt", "Long", "Last"];
const nouns = [
  "Library",
  "Harbour",
  "Atlas",
  "Orchard",
  "Ledger",
  "Winter",
  "Cartographer",
  "Bridge",
  "Almanac",
  "Lighthouse",
  "Archive",
  "Garden",
  "Cipher",
  "Tide",
  "Clock",
  "Letter",
  "Station",
  "River",
  "Mirror",
  "Hour",
];
const genres = ["fiction", "poetry", "history", "science", "travel", "crime", "essays", "children"];
const statuses = ["placed", "paid", "shipped", "delivered", "returned"];
const cities = ["Lisbon", "Kraków", "Osaka", "Lagos", "Montréal", "São Paulo", "Zürich", "Cork"];

/** Mulberry32: small, good enough, and the same everywhere. */
function randomNumbers(seed) {
  let state = seed;
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below;
  };
}

/**
 * Money is text with two decimals, times are ISO 8601 in UTC with microseconds, ids count from 1.
 * @returns {{
 *   authors: {id: number, name: string, country: string, born: string, biography: string | null}[],
 *   books: {id: number, isbn: string, title: string, authorId: number, genre: string, price: string, published: string, inStock: number, tags: string[], summary: string | null}[],
 *   customers: {id: number, name: string, email: string, city: string, isActive: boolean, joinedAt: string, note: string | null}[],
 *   orders: {id: number, customerId: number, placedAt: string, status: string, total: string}[],
 *   lines: {orderId: number, lineNumber: number, bookId: number, quantity: number, unitPrice: string}[],
 *   reviews: {bookId: number, customerId: number, rating: number, body: string | null, writtenAt: string}[],
 * }}
 */
export function bookshop() {
  const random = randomNumbers(20_261_123);
  const pick = (list) => list[random(list.length)];
  const two = (value) => String(value).padStart(2, "0");
  const day = (year) => `${year}-${two(1 + random(12))}-${two(1 + random(28))}`;
  const time = (year) => `${day(year)}T${two(random(24))}:${two(random(60))}:${two(random(60))}.${String(random(1_000_000)).padStart(6, "0")}Z`;
  const money = (cents) => `${Math.floor(cents / 100)}.${two(cents % 100)}`;

  const authors = Array.from({ length: 40 }, (_, index) => ({
    id: index + 1,
    name: `${given[index % given.length]} ${family[(index * 7 + Math.floor(index / 20)) % family.length]}`,
    country: pick(["PT", "PL", "JP", "NG", "CA", "BR", "CH", "IE"]),
    born: day(1920 + random(75)),
    biography: random(4) === 0 ? null : `Writes ${pick(genres)} in ${pick(cities)}.`,
  }));
  const books = Array.from({ length: 200 }, (_, index) => ({
    id: index + 1,
    isbn: `978${String(1_000_000_000 + index * 4_711_337).slice(0, 10)}`,
    title: `The ${adjectives[Math.floor(index / nouns.length) % adjectives.length]} ${nouns[index % nouns.length]}`,
    authorId: 1 + random(authors.length),
    genre: pick(genres),
    price: money(499 + random(6_000)),
    published: day(1975 + random(51)),
    inStock: random(5) === 0 ? 0 : random(60),
    tags: [...new Set([pick(genres), pick(["signed", "first edition", "paperback", "large print"])])],
    summary: random(5) === 0 ? (random(2) === 0 ? null : "") : `A ${pick(adjectives).toLowerCase()} story about a ${pick(nouns).toLowerCase()}.`,
  }));
  const customers = Array.from({ length: 120 }, (_, index) => {
    const name = `${given[(index * 3) % given.length]} ${family[(index * 11 + Math.floor(index / 20)) % family.length]}`;
    const address = name
      .normalize("NFD")
      .replace(/[^A-Za-z ]/g, "")
      .toLowerCase()
      .replaceAll(" ", ".");
    return {
      id: index + 1,
      name,
      email: `${address}.${index + 1}@example.org`,
      city: pick(cities),
      isActive: random(6) !== 0,
      joinedAt: time(2019 + random(6)),
      note: random(3) === 0 ? "" : null,
    };
  });
  const orders = [];
  const lines = [];
  for (let id = 1; id <= 500; id += 1) {
    let cents = 0;
    const inOrder = 1 + random(4);
    for (let lineNumber = 1; lineNumber <= inOrder; lineNumber += 1) {
      const book = pick(books);
      const quantity = 1 + random(3);
      cents += quantity * Math.round(Number(book.price) * 100);
      lines.push({ orderId: id, lineNumber, bookId: book.id, quantity, unitPrice: book.price });
    }
    orders.push({ id, customerId: 1 + random(customers.length), placedAt: time(2024 + random(3)), status: pick(statuses), total: money(cents) });
  }
  const reviews = new Map();
  while (reviews.size < 300) {
    const review = {
      bookId: 1 + random(books.length),
      customerId: 1 + random(customers.length),
      rating: 1 + random(5),
      body: null,
      writtenAt: time(2024 + random(3)),
    };
    if (random(3) !== 0)
      review.body = pick(["Could not put it down.", "Slow start, worth it.", "Not for me.", "Gave it to everybody I know.", "The translation is excellent."]);
    reviews.set(`${review.bookId}/${review.customerId}`, review);
  }
  return { authors, books, customers, orders, lines, reviews: [...reviews.values()] };
}
