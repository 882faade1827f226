/** Redraws a component only when `same` is false for its old and new props. */

import { Component, type ComponentChild, type FunctionComponent, h } from 'preact'

export function memo<P extends object>(draw: (props: P) => ComponentChild, same: (a: P, b: P) => boolean): FunctionComponent<P> {
  class Memo extends Component<P> {
    override shouldComponentUpdate(next: P): boolean {
      return !same(this.props, next)
    }
    override render(): ComponentChild {
      return draw(this.props as P)
    }
  }
  return (props) => h(Memo, props as never)
}
