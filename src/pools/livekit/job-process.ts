import { CHANNEL } from './channel.js';

/** The scripts in which LiveKit Agents runs a job, or the models that jobs share. */
const JOB_PROCESS = /[\\/](job|inference)_proc_lazy_main\.[cm]?[jt]s$/;

/** Whether a worker started this process: under whatever name LiveKit runs its jobs. Later a worker has the variable too. */
const IS_OF_WORKER = process.env[CHANNEL] !== undefined && process.send !== undefined;

/** Whether this process belongs to a worker's process and is no worker itself, though it loads the worker's file. */
export function isJobProcess(): boolean {
  return IS_OF_WORKER || JOB_PROCESS.test(process.argv[1] ?? '');
}
