/** Path of the program for this platform. */
export declare const path: string
