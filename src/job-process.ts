/** The scripts in which LiveKit Agents runs a job, or the models that jobs share. */
const JOB_PROCESS = /[\\/](job|inference)_proc_lazy_main\.[cm]?[jt]s$/;

/** Whether this process belongs to a worker's process and is no worker itself, though it loads the worker's file. */
export function isJobProcess(): boolean {
  return JOB_PROCESS.test(process.argv[1] ?? '');
}
