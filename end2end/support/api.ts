// Somebody who talks to the server as a program does: what a test needs done, but is not about.

import { randomBytes } from 'node:crypto';

export type Kind =
  | { type: 'single' }
  | { type: 'multiple'; min: number; max: number }
  | { type: 'rating'; max: number };
export type Choice = { option: number } | { options: number[] } | { rating: number } | null;

export interface NewPoll {
  question: string;
  kind: Kind;
  options?: string[];
}

export interface Settings {
  results?: 'always' | 'after_vote' | 'after_close' | 'host_only';
  change_vote?: boolean;
  voters?: 'guest' | 'account' | 'ticket';
}

export interface Poll extends NewPoll {
  id: string;
  state: 'draft' | 'open' | 'closed';
}

export interface Room {
  code: string;
  title: string;
  current: string | null;
  polls: Poll[];
}

export interface Receipt {
  status: 'accepted' | 'recorded' | 'refused';
  reason?: string;
}

export interface Tally {
  ballots: number;
  marks: Record<string, number>;
  final: boolean;
}

export const PASSWORD = 'correct horse';

/** A user name that nobody has yet. */
export const freshName = (): string => `host-${randomBytes(6).toString('hex')}`;

export class Api {
  constructor(
    readonly base: string,
    readonly token?: string,
  ) {}

  /** An account of its own. */
  static async register(base: string, username = freshName()): Promise<Api> {
    const body = { username, password: PASSWORD };
    const { access_token } = await new Api(base).post<{ access_token: string }>('/auth/register', body);
    return new Api(base, access_token);
  }

  /** A fresh guest of the same server. */
  async guest(): Promise<Api> {
    const { access_token } = await new Api(this.base).post<{ access_token: string }>('/auth/guest');
    return new Api(this.base, access_token);
  }

  /** The answer as it comes, whatever its status. */
  send(method: string, path: string, body?: unknown): Promise<Response> {
    const headers = new Headers();
    if (this.token) headers.set('authorization', `Bearer ${this.token}`);
    if (body !== undefined) headers.set('content-type', 'application/json');
    const json = body === undefined ? undefined : JSON.stringify(body);
    return fetch(`${this.base}/api/v1${path}`, { method, headers, body: json });
  }

  async call<T>(method: string, path: string, body?: unknown): Promise<T> {
    const response = await this.send(method, path, body);
    const text = await response.text();
    if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${text}`);
    return (text ? JSON.parse(text) : undefined) as T;
  }

  get<T>(path: string): Promise<T> {
    return this.call('GET', path);
  }

  post<T>(path: string, body?: unknown): Promise<T> {
    return this.call('POST', path, body);
  }

  room(title: string, polls: NewPoll[], settings: Settings = {}): Promise<Room> {
    return this.post('/rooms', { title, settings, polls });
  }

  /** A room whose first poll is open. */
  async openRoom(polls: NewPoll[], settings: Settings = {}): Promise<Room> {
    const room = await this.room('Team day', polls, settings);
    await this.act(room.polls[0], 'open');
    return room;
  }

  act(poll: Poll, action: 'open' | 'close' | 'reveal' | 'hide' | 'reset', body?: unknown): Promise<Poll> {
    return this.post(`/polls/${poll.id}/${action}`, body);
  }

  vote(poll: Poll, choice: Choice): Promise<Receipt> {
    return this.post(`/polls/${poll.id}/votes`, { choice });
  }

  results(poll: Poll): Promise<Tally> {
    return this.get(`/polls/${poll.id}/results`);
  }

  /** So many new guests who choose the same. */
  async crowd(poll: Poll, choice: Choice, people: number): Promise<void> {
    await Promise.all(
      Array.from({ length: people }, async () => {
        const receipt = await (await this.guest()).vote(poll, choice);
        if (receipt.status === 'refused') throw new Error(`A vote was refused: ${receipt.reason}`);
      }),
    );
  }
}

/** A question with one answer. */
export const single = (question: string, ...options: string[]): NewPoll => ({
  question,
  kind: { type: 'single' },
  options,
});

/** A question with several answers. */
export const multiple = (question: string, min: number, max: number, ...options: string[]): NewPoll => ({
  question,
  kind: { type: 'multiple', min, max },
  options,
});

/** A question that asks for a number. */
export const rating = (question: string, max: number): NewPoll => ({ question, kind: { type: 'rating', max } });

/** What most tests ask. */
export const LUNCH = single('Where shall we have lunch?', 'Thai', 'Pizza', 'Salad bar');
