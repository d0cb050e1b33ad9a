/** A variable of the dashboard, or what Grafana knows at a link, in braces. */
export const variable = (name: string): string => `\${${name}}`;
