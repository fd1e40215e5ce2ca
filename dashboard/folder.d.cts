/** The folder of the built page. */
export declare const folder: string;
