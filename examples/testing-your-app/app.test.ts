import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { Express } from 'express';
import { createKeyring, perMinute, type Keyring } from 'keystile';
import { fakeClock } from 'keystile/testing';
import request from 'supertest';
import { createApp, SCOPES } from './app.js';
